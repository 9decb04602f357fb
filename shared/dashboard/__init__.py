"""The brand dashboard: what it shows, and how that is drawn as one page. The figures are those of the views."""
