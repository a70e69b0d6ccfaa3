"""The Open Container Initiative's formats and protocol; knows no Django."""
