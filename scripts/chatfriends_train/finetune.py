"""The work of `finetune`: from prepared data to a LoRA adapter, its run card and its curves. What is asked for is a `Plan`."""

import gc
import json
import math
import os
import random
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import peft
import torch
import transformers
from transformers.trainer_callback import EarlyStoppingCallback, PrinterCallback

from . import base as bases
from . import card, dialogue, persona, preset
from .files import refuse_foreign, sha256, write_whole
from .lora import record_base
from .persona import Persona
from .preset import Preset
from .problems import Problem, readable
from .rows import (
    UNLABELLED,
    Encoder,
    Row,
    Words,
    persona_of,
    refuse_too_long,
    scenes,
)
from .template import Template

# A checkpoint is written this often even within an epoch, seconds.
CHECKPOINT_EVERY = 600.0
PROGRESS_EVERY = 5.0
RECORD = "settings.json"
"""What a run depends on; where it stands, the folder is one of this step's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run as it was asked for."""

    preset_name: str
    preset: Preset
    data: Path
    out: Path
    base: str
    """A folder, a hub name, or "starter"."""
    find_persona: Callable[[str], Persona] = persona.find

    @classmethod
    def of(cls, name: str, data: Path, out: Path, base: str | None) -> Self:
        """With the preset of that name."""
        settings = preset.load(name)
        return cls(name, settings, data, out, base or settings.base)

    def base_folder(self) -> Path:
        """The base model on this machine."""
        return bases.folder(self.base)


@dataclass(frozen=True, slots=True)
class Material:
    """What is trained on."""

    train: list[Row]
    validation: list[Row]
    rehearsal: list[Row] = field(default_factory=list)
    """The starter's own dialogues, trained on beside `train`."""

    @property
    def every(self) -> list[Row]:
        """All that the model is shown."""
        return [*self.train, *self.validation, *self.rehearsal]


def finetune(plan: Plan) -> Path:
    """Trains, and gives back the adapter's folder. Raises `Problem` before it begins where it could not end."""
    adapter = plan.out / "adapter"
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", "mtime may not be reliable")
    refuse_foreign(plan.out, RECORD)
    folder = plan.base_folder()
    needed = record(plan, folder)
    if _is_done(plan.out, needed):
        _say(f"{adapter} is there already, from the same data and settings")
        return adapter
    _refuse_another(plan.out, needed)

    shape = bases.shape(folder, plan.preset)
    tokenizer = bases.tokenizer(folder)
    template = Template.of(tokenizer, plan.preset.template or None)
    encoder = Encoder(template, Words(tokenizer), shape.context)
    material = Material(
        train=_encode(plan, "train", encoder),
        validation=_encode(plan, "validation", encoder),
    )
    refuse_too_long(
        [*material.train, *material.validation],
        plan.preset.max_length,
        "in a copy of the preset (--preset FILE.toml)",
    )
    _refuse_leaks(material)
    if plan.preset.max_length > shape.context:
        raise Problem(
            f"max_length is {plan.preset.max_length} and the base model {plan.base} sees {shape.context} tokens; set it to at most that"
        )
    if plan.preset.rehearsal:
        material.rehearsal.extend(_rehearsal(plan, encoder, len(material.train)))
    lengths = [len(row.tokens) for row in material.every]
    estimate = bases.check_room(shape, plan.preset, lengths, plan.out)
    rehearsed = (
        f", {len(material.rehearsal)} of the starter's own"
        if material.rehearsal
        else ""
    )
    _say(
        f"{len(material.train)} rows to learn from{rehearsed}, {len(material.validation)} to validate; longest {max(lengths)} tokens; "
        f"about {estimate / bases.GIB:.2f} GiB of memory"
    )
    _claim(plan.out, needed)

    checkpoints = plan.out / "checkpoints"
    training = _Training("training", plan, folder, tokenizer, material, checkpoints)
    folds = _cross_validate(training)
    trained = _train(training)
    partial = plan.out / "adapter.part"
    shutil.rmtree(partial, ignore_errors=True)
    trained.model.save_pretrained(partial)
    # PEFT's model card is a form that nobody has filled in; run.md is ours.
    (partial / "README.md").unlink(missing_ok=True)
    # The text that was trained with goes along, so that whoever merges or converts writes no other into the file.
    tokenizer.chat_template = template.text
    tokenizer.save_pretrained(partial)
    record_base(partial, folder, plan.base)
    shutil.rmtree(adapter, ignore_errors=True)
    partial.replace(adapter)
    figures = {
        f"{name}.jsonl": {"sha256": needed["data"][name], **_figures(rows)}
        for name, rows in (
            ("train", material.train),
            ("validation", material.validation),
        )
    }
    if material.rehearsal:
        mark = {"sha256": needed["rehearsal"]}
        figures["the starter's own dialogues"] = mark | _figures(material.rehearsal)
    card.write(
        card.Card(
            preset=plan.preset_name,
            settings=asdict(plan.preset),
            base=plan.base,
            data=figures,
            template=template.source,
            parameters=shape.parameters,
            trained_parameters=trained.trained_parameters,
            seconds=trained.seconds + sum(fold.seconds for fold in folds),
            memory={"estimate": estimate} | card.peak_memory(),
            log=trained.log,
            kept=trained.kept,
            folds=[fold.loss for fold in folds],
        ),
        plan.out,
    )
    shutil.rmtree(checkpoints, ignore_errors=True)
    _say(
        f"{adapter}: validation loss {trained.kept['loss']:.4f} at step {trained.kept['step']}; {plan.out / 'run.md'} tells more"
    )
    return adapter


def _encode(plan: Plan, split: str, encoder: Encoder) -> list[Row]:
    """The rows of one file."""
    path = _data_file(plan, split)
    rows = [
        row
        for scene in scenes(dialogue.read(path), plan.find_persona)
        for row in encoder.rows(scene)
    ]
    if not rows:
        raise Problem(
            f"{path} has no dialogue; prepare data with more groups, so that every split gets some"
        )
    return rows


def _rehearsal(plan: Plan, encoder: Encoder, own: int) -> list[Row]:
    """The starter's own dialogues beside so many rows of the user's."""
    from . import rehearsal

    if plan.base != "starter":
        raise Problem(
            f"the preset {plan.preset_name} rehearses the starter's dialogues, and the base is {plan.base}; take another preset, or set "
            "rehearsal = 0 in a copy of it"
        )
    count = round(own * plan.preset.rehearsal)
    return rehearsal.rows(encoder, count, plan.preset.max_length, plan.preset.seed)


def _refuse_leaks(material: Material) -> None:
    """A group in both splits would flatter the validation."""
    groups = {row.dialogue.group for row in material.train}
    shared = sorted({row.dialogue.group for row in material.validation} & groups)
    if shared:
        raise Problem(
            f"the groups {', '.join(shared[:5])} stand in train.jsonl and in validation.jsonl, which would flatter the validation; "
            "run `chatfriends-train prepare` again"
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """One finished training."""

    model: peft.PeftModel
    trained_parameters: int
    seconds: float
    log: list[dict[str, Any]]
    kept: dict[str, Any]
    """Step and validation loss of the weights."""


@dataclass(frozen=True, slots=True)
class _Training:
    """One training: that of the adapter, or of a part of a cross-validation."""

    name: str
    """What it is called where its progress is told."""
    plan: Plan
    folder: Path
    """Holds the base model."""
    tokenizer: Any
    material: Material
    checkpoints: Path


def _train(training: _Training) -> Trained:
    """Trains one adapter; goes on from the last whole checkpoint."""
    settings = training.plan.preset
    transformers.set_seed(settings.seed)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # 4-bit kernels have no deterministic form; they warn rather than end the run.
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        return _run(training)
    except torch.OutOfMemoryError as error:
        raise Problem(
            f"{training.name}: the GPU's memory did not do, although it looked so before; {bases.smaller(settings)}"
        ) from error


def _run(training: _Training) -> Trained:
    """The training itself."""
    plan, tokenizer, material = training.plan, training.tokenizer, training.material
    name, checkpoints = training.name, training.checkpoints
    settings = plan.preset
    model = _adapted(settings, training.folder)
    model.peft_config["default"].base_model_name_or_path = (
        str(training.folder) if plan.base == "starter" else plan.base
    )
    progress = _Progress(name, checkpoints)
    callbacks: list[transformers.TrainerCallback] = [progress]
    if settings.early_stopping:
        callbacks.append(
            EarlyStoppingCallback(early_stopping_patience=settings.early_stopping)
        )
    trainer = transformers.Trainer(
        model=model,
        args=_arguments(settings, checkpoints),
        train_dataset=_Rows([*material.train, *material.rehearsal]),
        eval_dataset=_Rows(material.validation),
        data_collator=_Padding(
            tokenizer.pad_token_id
            if tokenizer.pad_token_id is not None
            else tokenizer.eos_token_id
        ),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    last = _last_whole(checkpoints)
    if last:
        _say(f"{name}: going on from {last.name}")
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    state = trainer.state
    if progress.diverged or state.best_global_step is None:
        shutil.rmtree(checkpoints, ignore_errors=True)
        raise Problem(
            f"{name}: the loss is no number any more at step {state.global_step}; set learning_rate lower than "
            f"{settings.learning_rate:g} in a copy of the preset"
            + (', and dtype = "bf16"' if settings.dtype == "fp16" else "")
        )
    validation = {
        row["step"]: row["eval_loss"] for row in state.log_history if "eval_loss" in row
    }
    step = state.best_global_step if settings.keep == "best" else max(validation)
    return Trained(
        model=model,
        trained_parameters=sum(
            one.numel() for one in model.parameters() if one.requires_grad
        ),
        seconds=progress.seconds,
        log=state.log_history,
        kept={"step": step, "loss": validation[step]},
    )


def _adapted(settings: Preset, folder: Path) -> peft.PeftModel:
    """The base model with an adapter that changes nothing yet."""
    on_gpu = torch.cuda.is_available()
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16, "f32": torch.float32}[
        settings.dtype
    ]
    extra: dict[str, Any] = {}
    if settings.method == "qlora":
        extra["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=kind,
        )
        extra["device_map"] = {"": 0}
    # Sixteen-bit arithmetic is slow on most processors, and float16 lacks range there.
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=kind if on_gpu else torch.float32, **extra
    )
    model.config.use_cache = False
    if settings.method == "qlora":
        model = peft.prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=False
        )
    if settings.gradient_checkpointing and model.supports_gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    transposed = any(
        isinstance(one, transformers.pytorch_utils.Conv1D) for one in model.modules()
    )
    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            bias="none",
            target_modules=list(settings.targets),
            fan_in_fan_out=transposed,
        ),
    )


def _arguments(settings: Preset, checkpoints: Path) -> transformers.TrainingArguments:
    on_gpu = torch.cuda.is_available()
    return transformers.TrainingArguments(
        output_dir=str(checkpoints),
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.scheduler
        if settings.scheduler != "constant"
        else "constant_with_warmup",
        warmup_ratio=settings.warm_up,
        optim={"adamw": "adamw_torch", "adafactor": "adafactor"}[settings.optimiser],
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_steps=1,
        save_total_limit=2,
        load_best_model_at_end=settings.keep == "best",
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        # Without it a stopped run would forget how long it has been waiting for a better epoch.
        restore_callback_states_from_checkpoint=True,
        seed=settings.seed,
        data_seed=settings.seed,
        group_by_length=settings.group_by_length,
        fp16=on_gpu and settings.dtype == "fp16",
        bf16=on_gpu and settings.dtype == "bf16",
        use_cpu=not on_gpu,
        remove_unused_columns=False,
        disable_tqdm=True,
        log_level="error",
        report_to="none",
    )


@dataclass(frozen=True, slots=True)
class Fold:
    """What one part of a cross-validation has told."""

    loss: float
    """Validation loss."""
    seconds: float
    """How long it took."""


def _cross_validate(training: _Training) -> list[Fold]:
    """The validation loss of each part, when the others are learnt from; no group is torn."""
    plan, material = training.plan, training.material
    count = plan.preset.folds
    if not count:
        return []
    folds: list[Fold] = []
    for number, part in enumerate(_parts(material.train, count, plan.preset.seed), 1):
        place = plan.out / "folds" / str(number)
        result = place / "fold.json"
        if not result.is_file():
            place.mkdir(parents=True, exist_ok=True)
            held = {id(row) for row in part}
            others = [row for row in material.train if id(row) not in held]
            found = _fold(
                replace(
                    training,
                    name=f"part {number} of {count}",
                    material=Material(others, part),
                    checkpoints=place / "checkpoints",
                )
            )
            write_whole(result, json.dumps(asdict(found)))
            shutil.rmtree(place / "checkpoints", ignore_errors=True)
        folds.append(Fold(**json.loads(result.read_text("utf-8"))))
    mean, deviation = card.spread([fold.loss for fold in folds])
    _say(f"{count}-fold cross-validation: loss {mean:.4f} ± {deviation:.4f}")
    return folds


def _fold(training: _Training) -> Fold:
    """One part. Its model is gone when this is left: the next one finds the memory free."""
    trained = _train(training)
    found = Fold(trained.kept["loss"], trained.seconds)
    del trained
    # The Trainer and its model hold each other.
    gc.collect()
    torch.cuda.empty_cache()
    return found


def _parts(rows: Sequence[Row], count: int, seed: int) -> list[list[Row]]:
    """About equal parts of whole groups."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.dialogue.group, []).append(row)
    if len(groups) < count:
        raise Problem(
            f"{count}-fold cross-validation needs at least {count} groups and train.jsonl has {len(groups)}; set folds lower in a copy "
            "of the preset, or prepare more data"
        )
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    parts: list[list[Row]] = [[] for _ in range(count)]
    # The largest groups first, each to the smallest part.
    for name in sorted(names, key=lambda name: -len(groups[name])):
        min(parts, key=len).extend(groups[name])
    return parts


class _Rows(torch.utils.data.Dataset[dict[str, list[int]]]):
    """Rows as the Trainer takes them."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> dict[str, list[int]]:
        row = self._rows[place]
        return {"input_ids": row.tokens, "labels": row.labels}


@dataclass(frozen=True, slots=True)
class _Padding:
    """Makes a batch: rows filled up at the right to the longest."""

    token: int

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        length = max(len(row["input_ids"]) for row in rows)

        def filled(key: str, filler: int) -> torch.Tensor:
            return torch.tensor(
                [row[key] + [filler] * (length - len(row[key])) for row in rows]
            )

        lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
        return {
            "input_ids": filled("input_ids", self.token),
            "labels": filled("labels", UNLABELLED),
            "attention_mask": (torch.arange(length) < lengths).long(),
        }


class _Progress(transformers.TrainerCallback):
    """Tells how it goes, keeps the time over interruptions, and asks for checkpoints within long epochs."""

    def __init__(self, name: str, checkpoints: Path) -> None:
        self._name = name
        self._clock = checkpoints / "seconds.json"
        self._before = (
            json.loads(self._clock.read_text("utf-8")) if self._clock.is_file() else 0.0
        )
        self._begun = self._saved = time.monotonic()
        self._told = 0.0
        self.diverged = False
        """Whether a loss was no number; the training ends there."""

    @property
    def seconds(self) -> float:
        """Time spent so far, with what was spent before an interruption."""
        return self._before + time.monotonic() - self._begun

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Asks for a checkpoint when the last is old."""
        control.should_save |= time.monotonic() - self._saved > CHECKPOINT_EVERY

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keeps the time."""
        self._saved = time.monotonic()
        write_whole(self._clock, json.dumps(self.seconds))

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
    ) -> None:
        """Tells the loss now and then, and every validation loss."""
        if not all(
            math.isfinite(logs[key]) for key in ("loss", "eval_loss") if key in logs
        ):
            self.diverged = control.should_training_stop = True
        where = f"{self._name}: step {state.global_step} of {state.max_steps}, epoch {state.epoch:.1f}"
        if "eval_loss" in logs:
            _say(f"{where}, validation loss {logs['eval_loss']:.4f}")
        elif "loss" in logs and time.monotonic() - self._told > PROGRESS_EVERY:
            self._told = time.monotonic()
            left = (
                (state.max_steps - state.global_step)
                * self.seconds
                / max(1, state.global_step)
            )
            _say(f"{where}, loss {logs['loss']:.4f}, {left:.0f} s left at most")


def _last_whole(checkpoints: Path) -> Path | None:
    """The newest checkpoint that was written to its end; the Trainer writes trainer_state.json last."""
    found = sorted(
        checkpoints.glob("checkpoint-*"),
        key=lambda path: -int(path.name.rsplit("-", 1)[1]),
    )
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text("utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
            continue
        return path
    return None


def record(plan: Plan, folder: Path) -> dict[str, Any]:
    """What a run depends on: one with the same record goes on, or is done. `folder` holds the base model."""
    files = {
        name: readable(_data_file(plan, name), "the data file")
        for name in ("train", "validation")
    }
    train = 0
    personas: dict[str, Persona] = {}
    for name, path in files.items():
        for one in dialogue.read(path):
            train += name == "train"
            if one.persona not in personas:
                personas[one.persona] = persona_of(one, plan.find_persona)
    found = {
        "data": {name: sha256(path) for name, path in files.items()},
        "persona": {
            who.id: [who.system, who.examples, who.facts] for who in personas.values()
        },
        "base": bases.fingerprint(folder),
        "preset": asdict(plan.preset),
        "rehearsal": _rehearsed(plan, train),
    }
    return json.loads(json.dumps(found))


def _rehearsed(plan: Plan, own: int) -> str:
    """What is rehearsed beside so many dialogues, as a hash."""
    if not plan.preset.rehearsal:
        return ""
    from . import rehearsal

    count = round(own * plan.preset.rehearsal)
    return rehearsal.fingerprint(count, plan.preset.seed)


def _data_file(plan: Plan, split: str) -> Path:
    return plan.data / f"{split}.jsonl"


def _refuse_another(out: Path, needed: dict[str, Any]) -> None:
    """Raises `Problem` where OUT is for something else; says so where it was begun with other packages."""
    there = _noted(out)
    # A run that was ended before its first checkpoint leaves nothing that could be lost.
    work = [*out.glob("adapter"), *out.glob("checkpoints/*"), *out.glob("folds/*/*")]
    if there is None or not work:
        return
    differs = [key for key in needed if there.get(key) != needed[key]]
    if differs:
        raise Problem(
            f"{out} holds a run with another {' and '.join(differs)}; give another --out, or delete it"
        )
    if there["versions"] != card.versions():
        told = ", ".join(
            f"{name} {version}" for name, version in there["versions"].items()
        )
        _say(f"note: this run was begun with {told}; its losses may be others now")


def _claim(out: Path, needed: dict[str, Any]) -> None:
    """Notes what OUT is for."""
    out.mkdir(parents=True, exist_ok=True)
    note = needed | {"versions": card.versions()}
    write_whole(out / RECORD, json.dumps(note, ensure_ascii=False, indent=1))


def _is_done(out: Path, needed: dict[str, Any]) -> bool:
    there = _noted(out)
    return (
        there is not None
        and all(there.get(key) == value for key, value in needed.items())
        and (out / "run.json").is_file()
        and (out / "adapter" / "adapter_config.json").is_file()
    )


def _noted(out: Path) -> dict[str, Any] | None:
    """What a run in OUT depends on; none where none was begun."""
    path = out / RECORD
    if not path.is_file():
        return None
    noted = json.loads(path.read_text("utf-8"))
    # A setting that was not there yet had the value that it has now where none is given.
    spared = {one.name: one.default for one in fields(Preset)}
    spared = {name: value for name, value in spared.items() if value is not MISSING}
    return noted | {"preset": spared | noted.get("preset", {})}


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "tokens": sum(len(row.tokens) for row in rows),
        "learnt_tokens": sum(
            label != UNLABELLED for row in rows for label in row.labels
        ),
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
