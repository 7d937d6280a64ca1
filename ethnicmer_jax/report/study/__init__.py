"""The report of a study: `page` from files to report, `sections` and `figures` its parts."""
