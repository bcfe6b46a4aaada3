"""Where passes are for: a site that the tree knows, and the area on whose status list its passes stand."""

from __future__ import annotations

from central.config import Config
from central.people.credentials import PeopleError
from central.registry import Registry, load_tree
from central.revocation import list_scope_of


def list_scope(config: Config, site: str) -> str:
    """The community of a site. Raises PeopleError for a site that is not in the tree, RegistryError."""
    tree, _ = load_tree(config.tree)
    if site not in tree.sites:
        known = ", ".join(sorted(tree.sites)[:8]) or "no site yet"
        raise PeopleError(f"site {site!r} is not in {config.tree} (it has {known}); add it there first")
    scope = list_scope_of(Registry(tree), (site,))
    if scope is None:
        raise PeopleError(f"site {site!r} lies in no area of {config.tree}; correct the tree")
    return scope
