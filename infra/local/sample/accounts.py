"""Who the sample's sellers are: two clients, two marketplaces each, the same ASINs in both."""

from __future__ import annotations

from dataclasses import dataclass

ASINS_PER_CLIENT = 60


@dataclass(frozen=True, kw_only=True)
class Product:
    """An own (child) ASIN; `parent_asin` is None for a product without variations, as the reports deliver it."""

    asin: str
    parent_asin: str | None
    title: str
    category: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """One client in one marketplace."""

    client_id: str
    client_name: str
    seller_id: str
    marketplace_id: str
    marketplace_name: str
    currency: str
    products: tuple[Product, ...]


_NOUNS = ("Knife Sharpener", "Chef Knife", "Cutting Board", "Peeler", "Whetstone", "Mandoline Slicer")
_FINISHES = ("Steel", "Bamboo", "Walnut", "Ceramic", "Titanium", "Copper", "Olive", "Black", "Granite", "Cobalt")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _asin(number: int) -> str:
    text = ""
    for _ in range(8):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return "B0" + text


def _products(client: int) -> tuple[Product, ...]:
    def product(index: int) -> Product:
        noun, finish = _NOUNS[index % len(_NOUNS)], _FINISHES[index // len(_NOUNS) % len(_FINISHES)]
        base = 36**6 * (client * 7 + 11)
        return Product(
            asin=_asin(base + index * 104_729),
            parent_asin=None if index % 5 == 0 else _asin(base + 900_000_000 + index // 5),
            title=f"{finish} {noun}",
            category=noun,
        )

    return tuple(product(index) for index in range(ASINS_PER_CLIENT))


def accounts() -> tuple[Account, ...]:
    """Every client × marketplace of the sample, in a fixed order."""
    clients = (
        ("client-01", "Northwind Kitchen", "A1NORTHWIND01"),
        ("client-02", "Käsekrainer & Söhne", "A2KAESE000002"),
    )
    marketplaces = (("ATVPDKIKX0DER", "US", "USD"), ("A1PA6795UKMFR9", "DE", "EUR"))
    return tuple(
        Account(
            client_id=client_id,
            client_name=name,
            seller_id=seller_id,
            marketplace_id=marketplace_id,
            marketplace_name=marketplace,
            currency=currency,
            products=_products(number),
        )
        for number, (client_id, name, seller_id) in enumerate(clients)
        for marketplace_id, marketplace, currency in marketplaces
    )
