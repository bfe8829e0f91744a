"""The real helm as a child, what it says, and what it stores."""
