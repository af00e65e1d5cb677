"""``lengthwise config``: checks a configuration, shows what is in force, describes all settings."""
