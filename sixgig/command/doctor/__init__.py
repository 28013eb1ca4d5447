"""`sixgig doctor`: can the study start on this machine? Each line is ok, a warning or an error, with what to do."""
