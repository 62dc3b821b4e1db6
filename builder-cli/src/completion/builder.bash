_builder() {
    # bash cuts words at `:` and `=`: here they are put together again, as far as the cursor.
    local rest="${COMP_LINE:0:COMP_POINT}" word last i
    local -a words=()
    for ((i = 0; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        last=$((${#words[@]} - 1))
        if [[ $last -lt 0 || $rest == [[:blank:]]* ]]; then words+=("$word"); else words[last]+="$word"; fi
        rest="${rest#"${rest%%[![:blank:]]*}"}"
        rest="${rest#"$word"}"
    done
    last=$((${#words[@]} - 1))
    if [[ $rest == [[:blank:]]* ]]; then
        words+=("${rest#"${rest%%[![:blank:]]*}"}")
        last=$((last + 1))
    else
        words[last]+="$rest"
    fi
    # What is before the last of those characters is on the line already.
    local breaks="" prefix="" line
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=":"
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+="="
    if [[ -n $breaks ]]; then prefix="${words[last]%"${words[last]##*[$breaks]}"}"; fi
    COMPREPLY=()
    while IFS= read -r line || [[ -n $line ]]; do
        COMPREPLY+=("${line#"$prefix"}")
    done < <(BUILDER_COMPLETE=bash _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX="$last" builder -- "${words[@]}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:] ]]; then compopt -o nospace 2>/dev/null; fi
}
if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -o bashdefault -o nosort -F _builder builder
else
    complete -o bashdefault -F _builder builder
fi
