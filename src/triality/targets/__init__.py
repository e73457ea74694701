"""Laws that are known: exact density, exact draws, known modes. What a learned energy and its log Z are held against."""
