"""What is true: values, tables of moves, arithmetic. No I/O, no clock, no dice."""
