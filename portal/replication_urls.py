"""The URLs of the pages about replication."""

from django.urls import path

from portal import executions, flows, policies, queues, registries, tasks

_REGISTRIES = "administration/registries"
_REPLICATION = "administration/replication"
_POLICY = f"{_REPLICATION}/<int:policy>"
_EXECUTION = f"{_REPLICATION}/executions/<int:execution>"

urlpatterns = [
    path(_REGISTRIES, registries.registries, name="registries"),
    path(f"{_REGISTRIES}/new", registries.new, name="new-registry"),
    path(f"{_REGISTRIES}/<int:registry>", registries.edit, name="edit-registry"),
    path(f"{_REGISTRIES}/<int:registry>/check", registries.check, name="check-registry"),
    path(f"{_REGISTRIES}/<int:registry>/delete", registries.delete, name="delete-registry"),
    path(_REPLICATION, policies.listed, name="policies"),
    path(f"{_REPLICATION}/new", policies.new, name="new-policy"),
    path(f"{_REPLICATION}/preview", policies.preview, name="preview-policy"),
    path(f"{_REPLICATION}/flows", flows.flows, name="flows"),
    path(f"{_REPLICATION}/queues", queues.queues, name="queues"),
    path(_POLICY, policies.policy, name="policy"),
    path(f"{_POLICY}/edit", policies.edit, name="edit-policy"),
    path(f"{_POLICY}/start", policies.start, name="start-policy"),
    path(f"{_POLICY}/switch", policies.switch, name="switch-policy"),
    path(f"{_POLICY}/delete", policies.delete, name="delete-policy"),
    path(f"{_REPLICATION}/executions", executions.listed, name="executions"),
    path(f"{_REPLICATION}/going", executions.going, name="going"),
    path(_EXECUTION, executions.execution, name="execution"),
    path(f"{_EXECUTION}/stop", executions.stop, name="stop-execution"),
    path(f"{_EXECUTION}/retry", executions.retry, name="retry-execution"),
    path(f"{_EXECUTION}/tasks/<int:task>", tasks.task, name="task"),
    path(f"{_EXECUTION}/tasks/<int:task>/lines", tasks.lines, name="lines"),
]
