"""rtstyle beside what a user would pick instead, each program in a process of its own."""
