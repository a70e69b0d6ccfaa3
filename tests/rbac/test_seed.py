import pytest
from django.core.management import call_command
from redis import Redis

from rbac import matrix
from rbac.models import Role, RolePermission


@pytest.mark.django_db(transaction=True)
def test_a_flushed_database_gets_its_roles_back(settings):
    before = set(RolePermission.objects.values_list("role__name", "resource", "action"))

    call_command("flush", interactive=False, verbosity=0)

    assert set(RolePermission.objects.values_list("role__name", "resource", "action")) == before
    assert Role.objects.count() == 6
    assert Role.objects.create(name="of-our-own").pk == matrix.FIRST_CUSTOM_ROLE
    # Users' ids begin anew, too, and a credential that is remembered is an id's.
    Redis.from_url(settings.REDIS_URL).flushdb()


@pytest.mark.django_db
def test_migrating_again_leaves_the_administrators_changes_alone():
    RolePermission.objects.filter(role__name="developer").delete()

    call_command("migrate", verbosity=0)

    assert not RolePermission.objects.filter(role__name="developer").exists()
