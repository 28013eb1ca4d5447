"""Sentences of jobs in Portuguese: values stay, places stay, and what nobody translated stays."""

import pytest

from sixgig.cohorts.registry import adapter_names, load_adapter
from sixgig.gpu.ladder import Rung, _describe
from sixgig.words.language import speaking
from sixgig.words.said_by_jobs import patterns, said


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("image-level split: no subject ids exist", "divisão por imagem: não há identificação de sujeitos"),
        ("scan_1/flair.nii.gz: the file ends early: 12 of 96 bytes",
         "scan_1/flair.nii.gz: o arquivo termina antes do fim: 12 de 96 bytes"),
        ("out of GPU memory at batch size 16: batch size 8; out of GPU memory at batch size 8: ran on the CPU",
         "faltou memória da GPU com lote de 16: lote de 8; faltou memória da GPU com lote de 8: rodou na CPU"),
        ("arms.a.atoms: 96 atoms cannot be learned from 24 images of pretraining subjects.",
         "arms.a.atoms: 96 átomos não podem ser aprendidos de 24 imagens de sujeitos de pré-treino"),
        ("RuntimeError: a reason {of} another library", "RuntimeError: a reason {of} another library"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_sentence_of_a_job(text, translated):
    assert said(text) == text
    with speaking("pt-BR"):
        assert said(text) == translated


def test_notes_of_all_adapters_and_all_steps_of_the_ladder_are_translated():
    notes = [note for name in adapter_names() if isinstance(note := vars(load_adapter(name)).get("subject_note"), str)]
    assert len(notes) >= 8
    before = Rung(16, "cuda")
    steps = [_describe(before, after) for after in (Rung(8, "cuda"), Rung(16, "cuda", True), Rung(4, "cpu"))]
    with speaking("pt-BR"):
        assert [text for text in (*notes, *steps) if said(text) == text] == []


def test_every_translation_has_the_values_of_its_sentence():
    for pattern, translated in patterns("pt-BR"):
        filled = translated.format(**{name: f"<{name}>" for name in pattern.groupindex})
        assert all(f"<{name}>" in filled for name in pattern.groupindex)
