"""The built-in world: instructions a program can grade, a flawed teacher, simulated labelers; imports no torch."""
