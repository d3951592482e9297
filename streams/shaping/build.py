"""From the checked models of shaping.toml and tenants.toml to values: the operator's file over the shipped one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.route import OTHER
from streams.shaping.policies import Block, DomainPolicy, ProviderBlock, Shaping, TenantLimits
from streams.shaping.rule import Rule, SlowDown, Trigger
from streams.toml_lines import KeyPath


def shaping_of(files: Iterable[Any]) -> Shaping:
    """Shaping of ShapingFile models, each over the ones before it: by key, and rules by name.

    Rules of a later file come first; `enabled = false` takes one away.
    """
    found = Shaping()
    for file in files:
        found = Shaping(
            default=_block(file.default).over(found.default),
            sources={
                **found.sources,
                **{s: _block(m).over(found.sources.get(s, Block())) for s, m in file.source.items()},
            },
            providers={**found.providers, **dict(_providers(file.provider, found.providers))},
            domains={**found.domains, **dict(_domains(file.domain, found.domains))},
            rules=_rules(file.rules, found.rules),
        )
    return found


def tenant_limits(model: Any) -> TenantLimits:
    """The value of a TenantLimitsModel."""
    return TenantLimits(**{field: getattr(model, field) for field in TenantLimits._fields})


def unknown_names(model: Any, providers: Iterable[str], sources: Iterable[str]) -> Iterator[tuple[KeyPath, str]]:
    """Key and message of every provider and source in a ShapingFile that does not exist."""
    known = {"provider": (set(providers), "providers.toml"), "source": (set(sources), "pools.toml")}
    for kind, path, name in _names(model):
        names, file = known[kind]
        if path[0] == "provider" and name == OTHER:
            yield path, "sites of no provider share nothing: their limits are those of [default]"
        elif name not in names and name != OTHER:
            yield path, f"{file} has no {kind} {name!r}"


def _names(model: Any) -> Iterator[tuple[str, KeyPath, str]]:
    for name, block in model.provider.items():
        yield "provider", ("provider", name), name
        for source in block.sources:
            yield "source", ("provider", name, "sources", source), source
    for source in model.source:
        yield "source", ("source", source), source
    for n, rule in enumerate(model.rules):
        for i, name in enumerate(rule.providers):
            yield "provider", ("rules", n, "providers", i), name
        for i, name in enumerate(rule.sources):
            yield "source", ("rules", n, "sources", i), name


def _block(model: Any) -> Block:
    return Block(**{field: getattr(model, field, None) for field in Block._fields})


def _providers(models: Mapping[str, Any], below: Mapping[str, ProviderBlock]) -> Iterator[tuple[str, ProviderBlock]]:
    for name, model in models.items():
        old = below.get(name, ProviderBlock())
        sources = {s: _block(m).over(old.sources.get(s, Block())) for s, m in model.sources.items()}
        yield name, ProviderBlock(_block(model).over(old.block), {**old.sources, **sources})


def _domains(models: Mapping[str, Any], below: Mapping[str, DomainPolicy]) -> Iterator[tuple[str, DomainPolicy]]:
    for name, model in models.items():
        new = (getattr(model, field) for field in DomainPolicy._fields)
        old = below.get(name, DomainPolicy())
        yield name, DomainPolicy._make(n if n is not None else o for n, o in zip(new, old, strict=True))


def _rules(models: Iterable[Any], below: Iterable[Rule]) -> tuple[Rule, ...]:
    models = tuple(models)
    mine = {model.name for model in models}
    return (*(rule_of(m) for m in models if m.enabled), *(rule for rule in below if rule.name not in mine))


def rule_of(model: Any) -> Rule:
    """The value of a RuleModel."""
    trigger = Trigger() if model.trigger == "immediate" else Trigger(model.trigger.count, model.trigger.per)
    return Rule(
        name=model.name,
        action=model.action,
        scope=model.scope,
        providers=frozenset(model.providers),
        sources=frozenset(model.sources),
        tenants=frozenset(model.tenants),
        codes=frozenset(model.codes),
        classes=frozenset(model.classes),
        regex=tuple(re.compile(r, re.IGNORECASE) for r in model.regex),
        trigger=trigger,
        duration_s=model.duration,
        max_message_rate=model.max_message_rate,
        max_connections=model.max_connections,
        slow_down=SlowDown(model.factor, model.floor, model.recover_every, model.recover_steps, model.cooldown),
    )
