"""Plans in small worlds whose rules and state are spread over the context, checked by running them."""
