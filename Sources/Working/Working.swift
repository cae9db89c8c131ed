// Working
