"""What Python imports at the start of each process that tests start: ``PYTHONPATH`` leads here."""

import kept_index

kept_index.install()
