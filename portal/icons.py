"""The icons that pages use, by the names of Tabler's outline icons, and the one file that holds them."""

SPRITE = "packages/icons.svg"

NAMES = frozenset(
    """
    activity adjustments alert-triangle arrow-back-up arrow-left arrow-right arrows-exchange ban check chevron-down
    chevron-left chevron-right chevron-up circle-check clock code copy cube download eye file-text folders gauge
    heart-rate-monitor history home info-circle key language list-details lock lock-open login logout menu-2 moon
    package pencil player-play player-stop plus refresh robot search server-2 settings shield-check shield-lock
    signature stack-2 star stethoscope sun sun-moon tag tags topology-star-3 trash user user-plus users users-group
    world x
    """.split()  # noqa: SIM905 - a list of seventy literals reads worse
)
