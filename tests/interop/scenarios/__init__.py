"""The scenarios of test_oracle.py, a module a theme; each module registers its own when imported."""
