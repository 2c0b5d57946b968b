"""Results as a person reads them; the only place that knows Rich."""
