"""What test_oracle.py runs scenarios with: recorder, daemons, stages, comparison."""
