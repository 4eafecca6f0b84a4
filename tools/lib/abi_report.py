"""What changed in the interface since it was published, and whether a program of then still works.

Published is what bindings/published.json holds: of each entry of the manifest the facts that a
compiled program depends on, as one line of text.
"""


def facts(manifest):
    """{kind and name: what a compiled program depends on}"""
    def marks(parameter):
        return ''.join(f' {mark}' for mark in ('nullable', 'lent') if parameter.get(mark))

    def signature(entry):
        parameters = ', '.join(p['type'] + marks(p) for p in entry['parameters'])
        return f'{entry["returns"]} ({parameters})'

    found = {}
    for one in manifest['constants']:
        found[f'constant {one["name"]}'] = str(one['value'])
    for one in manifest['structs']:
        members = ', '.join(f'{m["type"]} {m["name"]} at {m["offset"]}' for m in one['members'])
        found[f'struct {one["name"]}'] = f'{one["size"]} bytes: {members}'
    for one in manifest['handles']:
        found[f'handle {one["name"]}'] = f'freed by {one["free"]}'
    for kind in ('callback', 'function'):
        for one in manifest[kind + 's']:
            found[f'{kind} {one["name"]}'] = signature(one)
    return found


def asks_less(before, after):
    """A function that takes NULL where it did not, or that no longer borrows, works for old callers."""
    def pieces(signature):
        returns, _, parameters = signature.partition(' (')
        return returns, [(p.replace(' nullable', '').replace(' lent', ''), 'nullable' in p, 'lent' in p)
                         for p in parameters.rstrip(')').split(', ')]
    (old_returns, old), (new_returns, new) = pieces(before), pieces(after)
    return old_returns == new_returns and len(old) == len(new) and all(
        a[0] == b[0] and (b[1] or not a[1]) and (a[2] or not b[2]) for a, b in zip(old, new))


def compare(published, present):
    """(what breaks a program of then, what is new), each as lines."""
    broken, new = [], []
    for name, before in published.items():
        after = present.get(name)
        if after is None:
            broken.append(f'{name} is gone')
        elif after != before:
            # A count of what an enumeration has grows with it.
            grown = name.startswith('constant ') and name.endswith('_COUNT') and int(after) > int(before)
            fine = grown or name.startswith('function ') and asks_less(before, after)
            (new if fine else broken).append(f'{name}: {after}; it was: {before}')
    new += [f'{name}: {what}' for name, what in present.items() if name not in published]
    return broken, new
