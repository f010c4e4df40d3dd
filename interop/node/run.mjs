// What the scenario scripts share: the scenario comes as JSON in the first argument, what the client saw goes out as
// JSON on the last line of the standard output. Anything unforeseen ends the script with a stack trace and status 1.

export const scenario = JSON.parse(process.argv[2]);

/** Name and message of the error that the step must end with. */
export async function refusal(step) {
  let result;
  try {
    result = await step();
  } catch (error) {
    return { name: error.name ?? error.code, message: error.message };
  }
  throw new Error(`the step was not refused: ${JSON.stringify(result)}`);
}

export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
}

export function report(seen) {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
