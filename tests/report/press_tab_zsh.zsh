# Types lines into an interactive zsh on a pseudo-terminal, presses the key, and prints what the line is then. The
# widget that is bound to another key writes the line down, and throws it away.
zmodload zsh/zpty
local answers=$1
shift
zpty -b shell "env ANSWERS=$answers TERM=dumb zsh -f -i"
shown() {
    local got
    # What the terminal shows is read, or zsh waits.
    while zpty -rt shell got; do :; done
}
await() {
    local count=$1 try
    for try in {1..200}; do
        shown
        [[ -f $answers && $(wc -l <$answers) -ge $count ]] && return 0
        sleep 0.05
    done
    print -u2 "zsh does not answer"
    exit 1
}
zpty -w shell 'unsetopt beep; autoload -Uz compinit && compinit -u -D; source <(builder completion zsh)'
zpty -w shell 'note() { print -r -- "[$BUFFER]" >>$ANSWERS; BUFFER=; }; zle -N note; bindkey "^X" note; setopt no_always_last_prompt no_auto_menu; print -r ready >>$ANSWERS'
await 1
local number=1 line
for line in "$@"; do
    zpty -wn shell "$line"$'\t\x18'
    number=$((number + 1))
    await $number
done
zpty -d shell
tail -n +2 $answers
