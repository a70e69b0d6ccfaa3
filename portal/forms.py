"""Forms as all pages show them, and how a deed that the domain refuses is told beside what was typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.forms.renderers import DjangoTemplates
from django.http import QueryDict

from portal import errors

Result = TypeVar("Result")

# For names, patterns and addresses: no browser completes or corrects them.
TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_CLASSES = {
    forms.CheckboxInput: "form-check-input",
    forms.CheckboxSelectMultiple: "form-check-input",
    forms.RadioSelect: "form-check-input",
    forms.Select: "form-select",
}


class Renderer(DjangoTemplates):
    form_template_name = "portal/forms/form.html"
    field_template_name = "portal/forms/field.html"


class PortalForm(forms.Form):
    """A form of the portal. It knows what is to be filled in; what may be, the domain says when asked to do it."""

    default_renderer = Renderer
    status = 200

    def __init__(self, data: QueryDict | None = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        # Nothing is looked at yet: a view may take fields away that its visitor has no right to.
        for field in self.fields.values():
            kind = next((words for widget, words in _CLASSES.items() if isinstance(field.widget, widget)), None)
            field.widget.attrs.setdefault("class", kind or "form-control")

    def attempt(self, deed: Callable[[dict[str, Any]], Result]) -> Result | None:
        """Do it with what was filled in. None, and the reasons stand in the form, if something is missing or the
        domain refuses it."""
        if not self.is_valid():
            for name in self.errors:
                self.fields[name].widget.attrs["class"] += " is-invalid"
            self.status = 400
            return None
        try:
            return deed(self.cleaned_data)
        except Exception as error:
            told = errors.tellable(error)
            if told is None:
                raise
            self.add_error(None, str(told.message))
            self.status = told.status
            return None


class Text(forms.CharField):
    """Text as it was typed. Length and content are the domain's to judge, but for what no text can hold."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 4096)
        super().__init__(**options)
