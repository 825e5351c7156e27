import { Argument, Command } from "commander";
import type { CliIo } from "../io.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `ecs-reinstall completion SHELL`: a script that completes commands, options and their choices, made of the program itself. */
export function completionCommand(io: Pick<CliIo, "out">): Command {
  return new Command("completion")
    .description("print a script that completes commands and options in your shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .action((shell: Shell, _flags: unknown, command: Command) => {
      const words = wordsOf(command.parent ?? command, []);
      io.out(shell === "fish" ? fish(words) : shell === "zsh" ? zsh(words) : bash(words));
    });
}

/** What may follow a row of commands: `[]`, `["config"]`, `["config", "check"]`. */
interface Words {
  readonly after: readonly string[];
  readonly commands: readonly Said[];
  readonly options: readonly (Said & {
    readonly choices: readonly string[];
    readonly value: boolean;
  })[];
  /** Of its first argument. */
  readonly choices: readonly string[];
}

interface Said {
  readonly name: string;
  readonly says: string;
}

function wordsOf(command: Command, after: readonly string[]): readonly Words[] {
  const own: Words = {
    after,
    commands: command.commands.map((one) => ({ name: one.name(), says: one.description() })),
    options: command.options.flatMap(
      ({ long, description, argChoices = [], required, optional }) =>
        long == null
          ? []
          : [{ name: long, says: description, choices: argChoices, value: required || optional }],
    ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [own, ...command.commands.flatMap((one) => wordsOf(one, [...after, one.name()]))];
}

/** In the words of each row: what completes the value of an option with choices, and everything else. */
function bash(words: readonly Words[]): string {
  const rows = words.map(({ after, commands, options, choices }) => {
    const all = [...commands, ...options].map(({ name }) => name);
    return `    "${after.join(" ")}") words="${[...all, ...choices].join(" ")}" ;;`;
  });
  const values = words.flatMap(({ after, options }) =>
    options
      .filter(({ value }) => value)
      .map(
        ({ name, choices }) =>
          `    "${[...after, name].join(" ")}") words="${choices.join(" ")}"; return 0 ;;`,
      ),
  );
  return `# ecs-reinstall completion bash > /etc/bash_completion.d/ecs-reinstall
_ecs_reinstall_row() {
  local word
  row=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${row:+$row }$word" in
${words
  .filter(({ after }) => after.length > 0)
  .map(({ after }) => `      "${after.join(" ")}") row="${after.join(" ")}" ;;`)
  .join("\n")}
    esac
  done
}
_ecs_reinstall_value() {
  case "\${row:+$row }$1" in
${values.join("\n")}
  esac
  return 1
}
_ecs_reinstall() {
  local row words="" current="\${COMP_WORDS[COMP_CWORD]}"
  _ecs_reinstall_row
  if ! _ecs_reinstall_value "\${COMP_WORDS[COMP_CWORD-1]}"; then
    case "$row" in
${rows.join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ecs_reinstall ecs-reinstall
`;
}

/** zsh takes the script of bash as it is. */
function zsh(words: readonly Words[]): string {
  return `#compdef ecs-reinstall
# ecs-reinstall completion zsh > "\${fpath[1]}/_ecs-reinstall", or: source <(ecs-reinstall completion zsh)
autoload -U +X bashcompinit && bashcompinit
${bash(words)}`;
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ after, commands, options, choices }) => {
    const inner = commands.map(({ name }) => name);
    const seen = after.map((name) => `__fish_seen_subcommand_from ${name}`);
    const none = inner.length === 0 ? [] : [`not __fish_seen_subcommand_from ${inner.join(" ")}`];
    const when = [...seen, ...none].join("; and ");
    const line = `complete -c ecs-reinstall${when === "" ? "" : ` -n ${quoted(when)}`}`;
    return [
      ...commands.map(({ name, says }) => `${line} -f -a ${name} -d ${quoted(says)}`),
      ...(choices.length === 0 ? [] : [`${line} -f -a ${quoted(choices.join(" "))}`]),
      ...options.map((option) => {
        const value =
          option.choices.length > 0
            ? ` -x -a ${quoted(option.choices.join(" "))}`
            : option.value
              ? " -r"
              : "";
        return `${line} -l ${option.name.slice(2)}${value} -d ${quoted(option.says)}`;
      }),
    ];
  });
  return [
    "# ecs-reinstall completion fish > ~/.config/fish/completions/ecs-reinstall.fish",
    ...lines,
    "",
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
