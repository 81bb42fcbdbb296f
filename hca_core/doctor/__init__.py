"""What may be wrong between a person and the services: what `hca doctor` looks at, and what plugins add to it."""

from hca_core.doctor.reaching import reach as reach
from hca_core.doctor.values import Check as Check
