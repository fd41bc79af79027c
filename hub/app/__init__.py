"""The composition: what each process is made of. Nothing below imports it."""
