"""Read this first."""

import coordinator.digests.models  # noqa: F401
import coordinator.dossiers.models  # noqa: F401
import coordinator.likeness.models  # noqa: F401
import coordinator.overlaps.models  # noqa: F401
import coordinator.positions.models  # noqa: F401
import coordinator.history.models  # noqa: F401
