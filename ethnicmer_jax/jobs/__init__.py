"""From a config to a work directory: jobs, studies, sweeps, ensembles, calibrations."""
