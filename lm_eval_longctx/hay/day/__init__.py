"""A day in the life: films with a script, and questions whose answers the script knows."""
