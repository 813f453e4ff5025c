"""What is sold: the list of it, where inquiries name it, and the warning when they do more often than before."""
