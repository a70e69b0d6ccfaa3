"""The icons that pages use, by the names of Tabler's outline icons, and the one file that holds them."""

SPRITE = "packages/icons.svg"

NAMES = frozenset(
    """
    activity adjustments alert-triangle arrow-back-up arrow-left arrows-exchange box brand-docker building-warehouse
    certificate check chevron-down chevron-left chevron-right chevron-up circle-check circle-x clock cloud-download
    code copy cube dots download edit external-link eye file-text folder folders git-branch hash heart-rate-monitor
    history home info-circle key language layers-intersect list-details lock lock-open login logout mail menu-2 moon
    package packages pencil plus robot search server settings shield-check shield-lock signature star
    arrow-right ban cloud-upload gauge player-play player-stop refresh server-2 stethoscope topology-star-3
    stack-2 sun sun-moon tag tags trash upload user user-plus users users-group world x
    """.split()  # noqa: SIM905 - a list of seventy literals reads worse
)
