"""The routes of the app origin, a module for each kind of them; `app.py` puts them together."""
