"""The paper's numbered claims, each as code that measures how far it is from holding, here and now, in float64."""

from triality.claims.claim import Claim, Statement
from triality.claims.ledger import check_paper

__all__ = ["Claim", "Statement", "check_paper"]
