"""What bench/breaks breaks, a module for each section."""
