"""Calls as the PBX lives them: AMI events in, records of visits, rings and talks out. Pure."""
