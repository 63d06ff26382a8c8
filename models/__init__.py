"""What learns: features, classifiers, calibration, evaluation; pure, with River's verbs."""
