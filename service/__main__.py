"""`python -m service` is the `marsad` command."""

from service.cli import main

raise SystemExit(main())
