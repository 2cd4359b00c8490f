from .api import HcomError as HcomError
from .api import Session as Session
from .api import instances as instances
from .api import launch as launch
from .api import session as session

__version__: str
