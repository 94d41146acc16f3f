"""The one place that states the version; the wheel, the deployment records and the dist file read it."""

__version__ = "0.1.0"
