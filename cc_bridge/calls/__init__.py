"""Call tracking: builds call, visit, ring, talk and agent records from AMI events, without I/O or a clock."""
