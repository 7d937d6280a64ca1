"""The TFDS data set `ethnic_me`: micro-expression clips with the ethnicity of each person."""
