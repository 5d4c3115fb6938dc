// As much of Rust's grammar as the checks need: tokens, and trees of brackets.

const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<comment>\/\/[^\n]*)`,
    String.raw`(?<block>\/\*)`,
    String.raw`(?<raw>(?:br|cr|r)(?<hashes>#*)"[^]*?"\k<hashes>(?!#))`,
    String.raw`(?<string>[bc]?"(?:\\[^]|[^"\\])*")`,
    String.raw`(?<char>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F_]+\}|.)|[^'\\])')`,
    String.raw`(?<lifetime>'[A-Za-z_]\w*)`,
    String.raw`(?<number>\d(?:[\w]|\.(?=\d))*)`,
    String.raw`(?<name>(?:r#)?[\p{XID_Start}_][\p{XID_Continue}]*)`,
    String.raw`(?<mark>::|->|=>|\.\.=?|[^])`,
  ].join('|'),
  'uy',
);

/** The end of a block comment that begins at `at`: they nest. */
function endOfBlock(text, at) {
  let depth = 0;
  for (let i = at; i < text.length; i += 1) {
    if (text.startsWith('/*', i)) {
      depth += 1;
      i += 1;
    } else if (text.startsWith('*/', i)) {
      depth -= 1;
      i += 1;
      if (depth === 0) return i + 1;
    }
  }
  return text.length;
}

/**
 * The tokens of a source text: `{kind, text, line}`, lines from 1. Comments are left out, unless
 * `onComment(text, line)` is there to take them. A string's text is `"`, its `value` what stands
 * between the quotes.
 */
export function tokenize(source, onComment) {
  const tokens = [];
  let at = 0;
  let line = 1;
  while (at < source.length) {
    TOKEN.lastIndex = at;
    const { groups, 0: whole } = TOKEN.exec(source);
    let text = whole;
    if (groups.block) text = source.slice(at, endOfBlock(source, at));
    if (groups.comment || groups.block) onComment?.(text, line);
    else if (groups.raw || groups.string) {
      const value = text.slice(text.indexOf('"') + 1, text.lastIndexOf('"'));
      tokens.push({ kind: 'string', text: '"', value, line });
    } else if (groups.char) tokens.push({ kind: 'char', text: "'", line });
    else if (groups.lifetime) tokens.push({ kind: 'lifetime', text, line });
    else if (groups.number) tokens.push({ kind: 'number', text, line });
    else if (groups.name) tokens.push({ kind: 'name', text: text.replace(/^r#/, ''), line });
    else if (groups.mark) tokens.push({ kind: 'mark', text, line });
    line += text.split('\n').length - 1;
    at += text.length;
  }
  return tokens;
}

const CLOSING = { '(': ')', '[': ']', '{': '}' };

/** Tokens as trees: what stands in brackets becomes one node `{open, close, children, line}`. */
export function trees(tokens) {
  const top = [];
  const stack = [top];
  for (const token of tokens) {
    if (token.kind === 'mark' && CLOSING[token.text]) {
      const node = { open: token.text, close: CLOSING[token.text], children: [], line: token.line };
      stack.at(-1).push(node);
      stack.push(node.children);
    } else if (token.kind === 'mark' && [')', ']', '}'].includes(token.text)) {
      if (stack.length > 1) stack.pop();
    } else {
      stack.at(-1).push(token);
    }
  }
  return top;
}

/** The attribute that begins at a place of a list, `#[…]` or `#![…]`: its brackets. */
export function outerAttribute(nodes, at) {
  if (nodes[at]?.text !== '#') return undefined;
  return nodes[at + 1]?.open === '[' ? nodes[at + 1] : undefined;
}
