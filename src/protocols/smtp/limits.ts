/** Every SMTP bound lives here and nowhere else; the size of a message is configured. */
export const smtpLimits = {
  recipientsMax: 1000, // RFC 5321 §4.5.3.1.8: a server may not accept fewer than 100
  refusedRecipientsMax: 100, // of one connection; then it is closed
  commandLineBytesMax: 4096, // RFC 5321 §4.5.3.1.4 gives 512; AUTH and SMTPUTF8 lines are longer
  idleMsMax: 5 * 60_000, // RFC 5321 §4.5.3.2.7
  connectionsMax: 2000,
  stopMsMax: 10_000,
} as const
