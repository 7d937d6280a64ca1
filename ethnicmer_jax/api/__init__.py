"""What `import ethnicmer_jax as em` offers: work directories, databases and models in Python."""
