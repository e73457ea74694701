"""Every estimator of log Z under its own name, one a file, with diagnostics and the three-way alarm."""
