"""What `doctor` looks at. Each check is a function from what was seen to a finding."""
