/** The function we use of libmime, which brings no types. */
declare module 'libmime' {
  const libmime: {
    /** RFC 2047: replaces every encoded-word in the text. */
    decodeWords(text: string): string
    /** RFC 5322 §2.2.3: folds at white space, lines of up to `length` characters. */
    foldLines(text: string, length: number): string
  }
  export default libmime
}
