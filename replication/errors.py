"""What can go wrong with endpoints, policies and executions. The words are for the one who asked, and hold no secret.

ReplicationError
├── InvalidEndpoint     a name, a URL, a certificate that can't be
├── EndpointExists
├── EndpointUnknown
├── EndpointUnhealthy   the registry doesn't answer, or not to this credential
├── EndpointInUse       policies name it (412 in REST)
├── InvalidPolicy
├── PolicyExists
├── PolicyUnknown
├── PolicyInUse         an execution of it goes on (412 in REST)
├── PolicyDisabled      it can't be started (412 in REST)
├── AlreadyRunning      only one execution at a time may go on (412 in REST)
├── ExecutionUnknown
└── TaskUnknown
"""


class ReplicationError(Exception):
    """The base of them all."""


class InvalidEndpoint(ReplicationError):
    pass


class EndpointExists(ReplicationError):
    pass


class EndpointUnknown(ReplicationError):
    pass


class EndpointUnhealthy(ReplicationError):
    pass


class EndpointInUse(ReplicationError):
    pass


class InvalidPolicy(ReplicationError):
    pass


class PolicyExists(ReplicationError):
    pass


class PolicyUnknown(ReplicationError):
    pass


class PolicyInUse(ReplicationError):
    pass


class PolicyDisabled(ReplicationError):
    pass


class AlreadyRunning(ReplicationError):
    pass


class ExecutionUnknown(ReplicationError):
    pass


class TaskUnknown(ReplicationError):
    pass
