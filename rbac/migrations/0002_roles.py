"""Harbor's five roles and the pseudo-role `public`, with their permissions; ids that are spoken for."""

from django.db import migrations

from rbac import matrix


def seed(apps, schema_editor):
    from rbac.seed import sow

    sow(apps.get_model("rbac", "Role"), apps.get_model("rbac", "RolePermission"))


class Migration(migrations.Migration):
    dependencies = [("rbac", "0001_initial")]

    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        # Role ids up to 99 are Harbor's to give; user id 1 is the first administrator's.
        migrations.RunSQL(
            f"ALTER TABLE rbac_role ALTER COLUMN id RESTART WITH {matrix.FIRST_CUSTOM_ROLE};"
            "ALTER TABLE rbac_user ALTER COLUMN id RESTART WITH 2;",
            migrations.RunSQL.noop,
        ),
    ]
