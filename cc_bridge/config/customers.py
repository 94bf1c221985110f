"""The creation, from the configuration, of the object that recognises customers by their phone numbers."""

from cc_bridge.config import Config
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.errors import ConfigError

__all__ = ["make_numbers"]


def make_numbers(config: Config) -> NumberKeys:
    """Return the object that recognises a customer's phone number, in whichever form it is written.

    Raises ConfigError if an entry of customers.shared_numbers is not a phone number.
    """
    customers = config.customers
    numbers = NumberKeys(config.callers.caller_keys(), customers.region, customers.shared_numbers)
    for number in customers.shared_numbers:
        if not numbers.keys(number):
            raise ConfigError(f"customers.shared_numbers = {number!r}: not a phone number")
    return numbers
